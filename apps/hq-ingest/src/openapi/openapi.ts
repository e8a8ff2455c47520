import {
  BATCHES_PATH,
  LIMITS_PATH,
  LIVE_PATH,
  OPENAPI_PATH,
  PROBLEMS,
  PROBLEMS_PATH,
  type ProblemCode,
  READY_PATH,
  WEBHOOK_SIGNATURE,
} from '@hq-export/contract'
import { DEFAULT_GATEWAY_LIMITS, describeLimits } from '../admission/gateway-limits.ts'
import { describeProblem } from '../http/describe-problem.ts'
import { batchOperation } from './batch-operation.ts'
import { comparisonPaths } from './comparison-operations.ts'
import { problemResponses } from './problem-responses.ts'
import { componentSchemas } from './schemas.ts'

/** What any path may answer before its route is reached, or instead of it. */
const ANYWHERE: readonly ProblemCode[] = [
  'malformed_request',
  'method_not_allowed',
  'headers_too_large',
  'internal_error',
]

function read(
  operationId: string,
  summary: string,
  schema: unknown,
  example: unknown,
  problems: readonly ProblemCode[] = [],
) {
  return {
    operationId,
    summary,
    responses: {
      200: { description: summary, content: { 'application/json': { schema, example } } },
      ...problemResponses([...ANYWHERE, ...problems]),
    },
  }
}

const described = { type: 'object', required: ['type', 'code', 'status', 'title', 'reaction'] }
const state = { type: 'object', required: ['status'] }

function buildDocument() {
  const codes = Object.keys(PROBLEMS)
  return {
    openapi: '3.1.0',
    info: {
      title: 'hq-ingest',
      version: '1',
      description:
        'The gateway of HQ. docs/PROTOCOL.md is normative; this description is generated from ' +
        'the schemas that the gateway validates with.',
    },
    servers: [{ url: '/' }],
    security: [],
    paths: {
      [BATCHES_PATH]: { post: batchOperation() },
      ...comparisonPaths(),
      [LIMITS_PATH]: {
        get: read(
          'getLimits',
          'Every limit, as it is enforced',
          { $ref: '#/components/schemas/limits' },
          describeLimits(DEFAULT_GATEWAY_LIMITS),
        ),
      },
      [PROBLEMS_PATH]: {
        get: read('getProblems', 'Every problem', { type: 'array', items: described }, [
          describeProblem('in_flight'),
        ]),
      },
      [`${PROBLEMS_PATH}/{code}`]: {
        parameters: [
          { name: 'code', in: 'path', required: true, schema: { type: 'string', enum: codes } },
        ],
        get: read('getProblem', 'What a problem means', described, describeProblem('in_flight'), [
          'not_found',
        ]),
      },
      [OPENAPI_PATH]: {
        get: read('getOpenApi', 'This document', { type: 'object' }, { openapi: '3.1.0' }),
      },
      [LIVE_PATH]: { get: read('getLive', 'The process lives', state, { status: 'alive' }) },
      [READY_PATH]: {
        get: read('getReady', 'A batch can be applied now', state, { status: 'ready' }, [
          'at_capacity',
          'draining',
          'database_unavailable',
        ]),
      },
    },
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        [WEBHOOK_SIGNATURE]: {
          type: 'apiKey',
          in: 'header',
          name: WEBHOOK_SIGNATURE,
          description:
            'Standard Webhooks: `v1,` HMAC-SHA256 or `v1a,` ed25519 over `id.timestamp.` and ' +
            'the body as sent, base64. Several, separated by a space, while keys rotate.',
        },
      },
    },
  }
}

let built: string | undefined

/** The OpenAPI 3.1 document as JSON text; built when it is first asked for. */
export function openApiText(): string {
  built ??= JSON.stringify(buildDocument())
  return built
}
