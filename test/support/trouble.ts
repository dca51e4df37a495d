/** Whether a line of the gateway's log is one of trouble. Lists change all the time; every other notice is, and a defect. */
export function isTrouble(entry: object): boolean {
  return 'defect' in entry || ('notice' in entry && entry.notice !== 'list-changed');
}
