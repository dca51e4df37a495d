import { useEffect, useState } from 'preact/hooks';

/** The time in milliseconds since the epoch, anew each second. */
export function useNow(): number {
  const [now, tick] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => tick(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
