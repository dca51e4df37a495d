/** The part of dynalite (DynamoDB in JavaScript, embedded) that the project uses; the package brings no types. */
declare module 'dynalite' {
  import type { Server } from 'node:http';

  interface Options {
    /** Folder of the database; in memory when left out. */
    readonly path?: string;
    /** How long a new table is being created, in milliseconds. */
    readonly createTableMs?: number;
  }

  /** An HTTP server that is not listening yet. Closing it closes the database, once all connections have ended. */
  export default function dynalite(options?: Options): Server;
}
