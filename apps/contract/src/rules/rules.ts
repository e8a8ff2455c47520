/** What a finding does: fail, be shown, be mentioned. */
export type Severity = 'error' | 'warning' | 'info'

/**
 * Whom a finding concerns: those who read and write rows (`breaking`), or those who publish
 * (`policy`).
 */
export type Kind = 'breaking' | 'policy'

interface Rule {
  readonly severity: Severity
  readonly kind: Kind
  /** What is wrong, in a sentence. */
  readonly says: string
  /** What may be done instead. */
  readonly wayOut: string
}

const PUBLISH = 'leave it as it was, and publish the change as the next version of the dataset'

function breaking(says: string, wayOut: string = PUBLISH): Rule {
  return { severity: 'error', kind: 'breaking', says, wayOut }
}

function policy(says: string, wayOut: string): Rule {
  return { severity: 'error', kind: 'policy', says, wayOut }
}

function warning(says: string, wayOut: string): Rule {
  return { severity: 'warning', kind: 'breaking', says, wayOut }
}

function info(says: string): Rule {
  return { severity: 'info', kind: 'breaking', says, wayOut: 'nothing to do' }
}

/** Every rule that `contract check` knows (contract, Governance). */
export const RULES = {
  DATASET_NO_DELETE: breaking(
    'a published dataset version has no descriptor any more',
    'keep its descriptor until it is retired: contract deprecate, then contract retire',
  ),
  DATASET_SAME_NUMBER: breaking('the number of a dataset in the outbox has changed'),
  COLUMN_NO_DELETE: breaking('a column is gone'),
  COLUMN_NO_RENAME: breaking('a column has another name'),
  COLUMN_SAME_ORDINAL: breaking('a column has another place'),
  COLUMN_SAME_PHYSICAL_TYPE: breaking('a column has another type; a wider one breaks, too'),
  COLUMN_SAME_WIRE: breaking('a column has another form on the wire'),
  COLUMN_NULLABILITY_SAME: breaking('what may be NULL has changed'),
  NEW_COLUMN_MUST_BE_NULLABLE: breaking(
    'a new column is required, and older rows and producers have none',
    'make it nullable',
  ),
  NEW_COLUMN_MUST_BE_LAST: breaking(
    'a new column stands before older ones',
    'put it at the end of the dataset',
  ),
  NEW_COLUMN_HAS_SINCE: breaking(
    'a new column does not say which release it comes with',
    'give its descriptor `additive: true` and `since` with the coming release',
  ),
  ENUM_VALUE_NO_DELETE: breaking('a value is not allowed any more'),
  ENUM_VALUE_NO_ADD: breaking('a closed set has more values than readers know'),
  PK_SAME: breaking('the primary key has changed'),
  UNIQUE_SAME: breaking('the uniqueness guard has changed'),
  LINK_NO_DELETE: breaking('columns do not lead any more to the rows that they led to'),
  SEMANTICS_SAME: breaking('the write rule has changed'),
  VERSION_COLUMN_SAME: breaking('the column that decides which state is newer has changed'),
  VERSION_LITERAL_SAME: breaking(
    'name, schema version and `export_schema_version` do not say the same version',
    'give all three the version of the name',
  ),
  TENANCY_COLUMNS_PRESENT: breaking(
    'a row does not say whose it is',
    'add `org_id`, a required uuid',
  ),
  CHECKSUM_SPEC_APPEND_ONLY: breaking(
    'a checksum spec is gone or hashes other columns',
    'leave the older specs; a new column makes a new one by itself',
  ),
  RESERVED_NO_REUSE: breaking(
    'the name belonged to another column, and readers may still mean that one',
    'choose another name',
  ),
  SECRET_NAME_FORBIDDEN: breaking(
    'the name says that it holds a secret, and none is exported',
    'export a reference to where it is kept, or nothing',
  ),
  SLA_NO_LOOSEN: warning('rows may come later than was promised', 'tell every consumer before'),
  QUALITY_NO_LOOSEN: warning('less is watched than was promised', 'tell every consumer before'),
  PARTITION_SAME: warning(
    'the column of date windows has changed',
    'tell every consumer before, and look at partitions, backfills and comparisons',
  ),
  PII_ADDED: warning(
    'a column says something of a natural person',
    'have it approved by whoever answers for personal data',
  ),
  DESCRIPTION_CHANGED: info('a description has changed'),
  COLUMN_DEPRECATED: info('a column should not be used any more'),
  STATUS_NO_RETURN: policy(
    'a dataset version has gone back in its life, or skipped a part of it',
    'leave its status to contract freeze, deprecate and retire',
  ),
  DEPRECATION_REQUIRES_SUCCESSOR: policy(
    'a version is deprecated, and nothing takes its place',
    'publish the successor first, then: contract deprecate DATASET --successor NAME',
  ),
  DUAL_PUBLISH_REQUIRED: policy(
    'a deprecated version and its successors must both be published',
    'freeze the successor, and keep both descriptors until the version is retired',
  ),
  DEPRECATION_SAME: policy(
    'what consumers were told of the end of a version has changed',
    'restore the record; only the sunset may move, and only later',
  ),
  SUNSET_NO_EARLIER: policy(
    'the day until which a version is served has moved closer',
    'restore the day that consumers were told',
  ),
  RETIRE_REQUIRES_WINDOW: policy(
    'the deprecation window is not over',
    'wait for two releases, 30 days and the sunset',
  ),
  RETIRE_REQUIRES_CONSUMER_ACK: policy(
    'a consumer has not confirmed that it has moved',
    'contract acknowledge DATASET --consumer NAME --by WHO --evidence WHERE',
  ),
  RETIRE_REQUIRES_NO_READER: policy(
    'HQ does not say that nobody has read it for a week',
    'ask HQ once more, and give its answer to contract retire DATASET --readers FILE',
  ),
  CONSUMER_NO_DELETE: policy(
    'a consumer is not asked any more, and never said that it had moved',
    'restore its entry; an acknowledgement ends it',
  ),
  RELEASES_APPEND_ONLY: policy(
    'what has been released was changed, or does not follow what was before',
    'restore releases.json, and append with contract release',
  ),
  FROZEN_LOCK_SAME: policy('a frozen lock was changed', 'restore the file as it was'),
  WAIVER_UNUSED: policy('a waiver matches nothing', 'delete it'),
  WAIVER_EXPIRED: policy(
    'a waiver has expired',
    'mend what it let pass, or renew it with a reason',
  ),
} as const satisfies Record<string, Rule>

/** Id of a rule. */
export type RuleId = keyof typeof RULES
