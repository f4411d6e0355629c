/** SVG as text: elements, and how wide a text gets. */
type Attributes = Record<string, string | number | undefined>;

export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) => ` ${key}="${typeof value === "number" ? figure(value) : escapeXml(value as string)}"`,
    )
    .join("");
  return children.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${children.join("")}</${name}>`;
}

export function text(content: string, x: number, y: number, attributes: Attributes = {}): string {
  return element("text", { x, y, ...attributes }, escapeXml(content));
}

/** At most one digit behind the point: the same bytes everywhere, and no more than a screen shows. */
export function figure(value: number): string {
  return String(Number(value.toFixed(1)));
}

export function escapeXml(content: string): string {
  return content
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A safe guess for any sans-serif: fonts differ, and none is shipped. Pixels. */
export function widthOfText(content: string, size: number, bold = false): number {
  return content.length * size * (bold ? 0.62 : 0.58);
}
