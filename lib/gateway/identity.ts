/** Who the gateway says it is, to clients and to upstreams alike. */
export const SERVER_INFO = { name: 'sluice', title: 'Sluice', version: '0.1.0' } as const;
