/** The page `/console`, from its beginning. */
import { render } from 'preact';
import { Console } from './console.tsx';

const place = document.getElementById('console');
if (place === null) throw new Error('The document has no place for the console.');
render(<Console />, place);
