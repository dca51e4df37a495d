import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import {
  EXPIRES_AT_ATTRIBUTE,
  EXPIRY_INDEX,
  EXPIRY_OF_ATTRIBUTE,
  PARTITION_KEY,
  SORT_KEY,
  TTL_ATTRIBUTE,
} from '../lib/adapters/dynamodb/table.ts';

/** The one table (docs/storage-schema.md). */
export class StateTable extends Construct {
  readonly table: Table;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.table = new Table(this, 'Table', {
      partitionKey: { name: PARTITION_KEY, type: AttributeType.STRING },
      sortKey: { name: SORT_KEY, type: AttributeType.STRING },
      timeToLiveAttribute: TTL_ATTRIBUTE,
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      // With the key that DynamoDB owns: it costs nothing, and no request waits for it. Ids of client sessions are
      // digests, and secrets of upstreams are elsewhere.
      encryption: TableEncryption.DEFAULT,
      // Nothing in it is of use to anybody but the gateway. What point-in-time recovery has kept outlives the table by
      // 35 days.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.table.addGlobalSecondaryIndex({
      indexName: EXPIRY_INDEX,
      partitionKey: { name: EXPIRY_OF_ATTRIBUTE, type: AttributeType.STRING },
      sortKey: { name: EXPIRES_AT_ATTRIBUTE, type: AttributeType.NUMBER },
      projectionType: ProjectionType.KEYS_ONLY,
    });
  }
}
