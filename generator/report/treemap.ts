/** Rectangles whose areas are as the values, as near to squares as can be (Bruls, Huizing, van Wijk: squarified treemaps). */
export type Box = { x: number; y: number; width: number; height: number };
export type Placed<Item> = { item: Item; box: Box };

export function treemap<Item>(
  items: readonly Item[],
  amountOf: (item: Item) => number,
  box: Box,
): Placed<Item>[] {
  const left = items.filter((item) => amountOf(item) > 0);
  const total = left.reduce((sum, item) => sum + amountOf(item), 0);
  const scale = total === 0 ? 0 : (box.width * box.height) / total;
  const areaOf = (item: Item) => amountOf(item) * scale;
  const placed: Placed<Item>[] = [];
  let rest = box;
  while (left.length > 0) {
    const side = Math.min(rest.width, rest.height);
    const row = [left.shift() as Item];
    while (left.length > 0 && worst([...row, left[0] as Item], areaOf, side) <= worst(row, areaOf, side)) {
      row.push(left.shift() as Item);
    }
    rest = layRow(row, areaOf, rest, placed);
  }
  return placed;
}

/** The most stretched of a row's rectangles: 1 is a square. */
function worst<Item>(row: readonly Item[], areaOf: (item: Item) => number, side: number): number {
  const sum = row.reduce((total, item) => total + areaOf(item), 0);
  const thickness = sum / side;
  return Math.max(
    ...row.map((item) => {
      const length = areaOf(item) / thickness;
      return Math.max(length / thickness, thickness / length);
    }),
  );
}

/** Lays a row along the shorter side and returns what is left of the box. */
function layRow<Item>(
  row: readonly Item[],
  areaOf: (item: Item) => number,
  box: Box,
  placed: Placed<Item>[],
): Box {
  const sum = row.reduce((total, item) => total + areaOf(item), 0);
  const upright = box.width >= box.height;
  const thickness = sum / (upright ? box.height : box.width);
  let offset = 0;
  for (const item of row) {
    const length = areaOf(item) / thickness;
    placed.push({
      item,
      box: upright
        ? { x: box.x, y: box.y + offset, width: thickness, height: length }
        : { x: box.x + offset, y: box.y, width: length, height: thickness },
    });
    offset += length;
  }
  return upright
    ? { ...box, x: box.x + thickness, width: Math.max(0, box.width - thickness) }
    : { ...box, y: box.y + thickness, height: Math.max(0, box.height - thickness) };
}
