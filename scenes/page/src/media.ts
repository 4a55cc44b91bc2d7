/** The media of a scene: base64 in scripts, inside the page or in a folder beside it. */

declare global {
  interface Window {
    auralizeMedia?: (name: string, text: string) => void;
  }
  interface Uint8ArrayConstructor {
    fromBase64?: (text: string) => Uint8Array<ArrayBuffer>;
  }
}

const FOLDER = "media";

export class Media {
  private readonly waiting = new Map<string, (text: string) => void>();

  constructor(private readonly inline: boolean) {
    window.auralizeMedia = (name, text) => this.waiting.get(name)?.(text);
  }

  /** Return the bytes of a medium; rejects with a message for people where it is missing. */
  async load(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return fromBase64(this.inline ? await inside(name) : await this.beside(name));
  }

  private beside(name: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const end = (): void => {
        this.waiting.delete(name);
        script.remove();
      };
      this.waiting.set(name, (text) => {
        end();
        resolve(text);
      });
      script.onerror = () => {
        end();
        reject(new Error(`${FOLDER}/${name}.js is missing: keep the folder “${FOLDER}” beside this page.`));
      };
      script.src = `${FOLDER}/${name}.js`;
      document.head.append(script);
    });
  }
}

async function inside(name: string): Promise<string> {
  const find = (): string | null => document.getElementById(`media-${name}`)?.textContent ?? null;
  // What follows in a long page may not have been read yet. An element is whole when another
  // follows it, or the page has ended.
  while (document.readyState === "loading" && !document.getElementById(`media-${name}`)?.nextElementSibling) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const text = find();
  if (text === null) throw new Error(`${name} is missing in this page: export the scene again.`);
  return text;
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Undo DEFLATE. */
export async function inflate(packed: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).arrayBuffer();
}

/** Divide a medium into its parts: their number, their lengths (uint32), then one after the other. */
export function parts(joined: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const view = new DataView(joined.buffer, joined.byteOffset, joined.byteLength);
  const count = view.getUint32(0, true);
  let at = 4 + 4 * count;
  return Array.from({ length: count }, (_, index) => {
    const length = view.getUint32(4 + 4 * index, true);
    at += length;
    return joined.subarray(at - length, at);
  });
}
