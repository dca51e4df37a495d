/** The body of a request as text, in the same way wherever the gateway runs. */

const BYTE_ORDER_MARK = '\uFEFF';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Undefined for bytes that are no UTF-8, which JSON must be (RFC 8259, section 8.1): with a replacement in their place,
 * an upstream would be sent what no client said. A byte order mark at the beginning is left out, as the same section
 * allows.
 */
export function toBodyText(body: Uint8Array | string): string | undefined {
  if (typeof body === 'string') return body.startsWith(BYTE_ORDER_MARK) ? body.slice(1) : body;
  try {
    return strictUtf8.decode(body);
  } catch {
    return undefined;
  }
}
