// Writes dashboards/grafana.json. Usage: node scripts/dashboard.mjs
import { writeFileSync } from 'node:fs'

const RATE = '[$__rate_interval]'
const rate = (metric, by) =>
  by === undefined ? `sum(rate(${metric}${RATE}))` : `sum by (${by}) (rate(${metric}${RATE}))`
const quantile = (part) =>
  `histogram_quantile(${part}, sum by (le, operation) (rate(sojourn_operation_duration_seconds_bucket${RATE})))`
const sizes = (part) =>
  `histogram_quantile(${part}, sum by (le) (rate(sojourn_session_payload_size_bytes_bucket${RATE})))`

/** Rows of panels: title, unit, and `[expression, legend]` each. */
const rows = [
  [
    [
      'Live sessions',
      'short',
      [
        ['max(sojourn_session_active)', 'all'],
        ['max(sojourn_session_signed_in)', 'of users'],
      ],
    ],
    [
      'Servers and processes',
      'short',
      [
        ['max by (role, state) (sojourn_deployment_servers)', '{{role}}: {{state}}'],
        ['max(sojourn_deployment_nodes)', 'processes that report'],
        ['min(sojourn_deployment_up)', 'reached'],
      ],
    ],
    [
      'Doctor',
      'short',
      [
        [
          'max by (rule, severity) (sojourn_doctor_findings{severity=~"error|warn"})',
          '{{severity}}: {{rule}}',
        ],
      ],
    ],
  ],
  [
    ['Sign-ins', 'ops', [[rate('sojourn_session_created_total', 'method'), '{{method}}']]],
    ['Ended', 'ops', [[rate('sojourn_session_ended_total', 'reason'), '{{reason}}']]],
    [
      'Cookies that opened nothing',
      'ops',
      [[rate('sojourn_session_rejected_total', 'reason'), '{{reason}}']],
    ],
  ],
  [
    [
      'Redis: commands',
      'ops',
      [[rate('sojourn_operation_duration_seconds_count', 'operation'), '{{operation}}']],
    ],
    ['Redis: p50', 's', [[quantile(0.5), '{{operation}}']]],
    ['Redis: p99', 's', [[quantile(0.99), '{{operation}}']]],
  ],
  [
    [
      'Redis: failures',
      'ops',
      [
        [
          `sum by (operation, outcome, error_type) (rate(sojourn_operation_duration_seconds_count{outcome!="ok"}${RATE}))`,
          '{{operation}}: {{outcome}} {{error_type}}',
        ],
      ],
    ],
    [
      'Near cache: hits',
      'percentunit',
      [
        [
          `sum(rate(sojourn_cache_requests_total{result="hit"}${RATE})) / ${rate('sojourn_cache_requests_total')}`,
          'hits',
        ],
      ],
    ],
    [
      'Near cache: forgotten',
      'ops',
      [
        [rate('sojourn_cache_invalidations_total'), 'told to forget'],
        [rate('sojourn_cache_evictions_total'), 'full'],
      ],
    ],
  ],
  [
    ['Near cache: sessions', 'short', [['sum(sojourn_cache_entries)', 'sessions']]],
    ['Near cache: memory', 'bytes', [['sum(sojourn_cache_size_bytes)', 'memory']]],
    [
      'Near cache: processes without',
      'short',
      [['count(sojourn_cache_on == 0) or vector(0)', 'processes']],
    ],
  ],
  [
    [
      'Sessions: size',
      'bytes',
      [
        [sizes(0.5), 'p50'],
        [sizes(0.99), 'p99'],
        ['max(sojourn_session_average_size_bytes)', 'stored, average'],
      ],
    ],
    [
      'Connections to Redis',
      'short',
      [['sum by (state) (sojourn_store_connections)', '{{state}}']],
    ],
    [
      'Ages',
      's',
      [
        ['max(sojourn_cache_age_seconds)', 'news of the near cache'],
        [
          `histogram_quantile(0.9, sum by (le) (rate(sojourn_event_lag_seconds_bucket${RATE})))`,
          'expired sessions found after, p90',
        ],
      ],
    ],
  ],
  [
    [
      'Two at once',
      'ops',
      [
        [rate('sojourn_session_conflicts_total'), 'merged'],
        [rate('sojourn_session_dropped_total', 'reason'), 'dropped: {{reason}}'],
      ],
    ],
    [
      'Without the store',
      'ops',
      [
        [rate('sojourn_outage_requests_total', 'policy'), '{{policy}}'],
        [rate('sojourn_durability_uncertain_total', 'operation'), 'uncertain: {{operation}}'],
      ],
    ],
    [
      'Worth a look',
      'ops',
      [
        [rate('sojourn_errors_total', 'operation'), 'error: {{operation}}'],
        [rate('sojourn_session_token_reuse_total'), 'token reuse'],
        [rate('sojourn_session_anomalies_total'), 'from another client'],
        [rate('sojourn_session_rotated_total'), 'rotations'],
      ],
    ],
  ],
  [
    [
      'Tokens that came',
      'ops',
      [[rate('sojourn_validation_count_total', 'outcome, source'), '{{outcome}}: {{source}}']],
    ],
    [
      'Sessions: how long they lived',
      's',
      [
        [
          `histogram_quantile(0.5, sum by (le, reason) (rate(sojourn_session_lifetime_seconds_bucket${RATE})))`,
          'p50: {{reason}}',
        ],
      ],
    ],
    [
      'Redis: asked once more',
      'ops',
      [[rate('sojourn_store_retries_total', 'reason'), '{{reason}}']],
    ],
  ],
  [
    [
      'Redis: dropped, memory was full',
      'ops',
      [[rate('sojourn_deployment_evicted_keys_total', 'server'), '{{server}}']],
    ],
  ],
]

const [WIDTH, HEIGHT] = [8, 8]
const datasource = { type: 'prometheus', uid: '${datasource}' }
const panels = rows.flatMap((row, y) =>
  row.map(([title, unit, targets], x) => ({
    id: y * 3 + x + 1,
    type: 'timeseries',
    title,
    datasource,
    gridPos: { x: x * WIDTH, y: y * HEIGHT, w: WIDTH, h: HEIGHT },
    fieldConfig: {
      defaults: { unit, min: 0, custom: { fillOpacity: 8, showPoints: 'never' } },
      overrides: [],
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom' },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
    targets: targets.map(([expr, legendFormat], i) => ({
      refId: String.fromCharCode(65 + i),
      datasource,
      expr,
      legendFormat,
    })),
  })),
)
const dashboard = {
  title: 'Sojourn',
  uid: 'sojourn',
  tags: ['sojourn', 'sessions'],
  schemaVersion: 39,
  refresh: '30s',
  time: { from: 'now-3h', to: 'now' },
  templating: {
    list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' }],
  },
  panels,
}
writeFileSync(
  new URL('../dashboards/grafana.json', import.meta.url),
  `${JSON.stringify(dashboard, null, 2)}\n`,
)
