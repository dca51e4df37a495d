import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { EXPIRY_INDEX } from '../lib/adapters/dynamodb/table.ts';
import type { LoggedFunction } from './logged-function.ts';

/** The requests that the stores send. */
const TABLE_ACTIONS = [
  'dynamodb:GetItem',
  'dynamodb:BatchGetItem',
  'dynamodb:Query',
  'dynamodb:PutItem',
  'dynamodb:UpdateItem',
  'dynamodb:DeleteItem',
];

/** To read and write records. The index of the table is not among it. */
export function allowRecords(grantee: LoggedFunction, table: Table): void {
  grantee.allow(TABLE_ACTIONS, table.tableArn);
}

/** To find what has expired, which housekeeping alone does. */
export function allowExpiryIndex(grantee: LoggedFunction, table: Table): void {
  grantee.allow(['dynamodb:Query'], `${table.tableArn}/index/${EXPIRY_INDEX}`);
}
