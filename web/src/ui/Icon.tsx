const PATHS = {
  brand: "M22 6v10a4 4 0 0 1-4 4H7m5-5-5 5 5 5",
  up: "M14 20V6m-6 6 6-6 6 6M5 22h18",
  file: "M8 4h8l6 6v14H8zM16 4v6h6",
  done: "m6 15 5 5L22 9",
  bad: "M8 8l12 12M20 8 8 20",
  wait: "M14 7v7l4 3M14 4a10 10 0 1 0 0 20 10 10 0 0 0 0-20",
  down: "M14 5v13m-6-6 6 6 6-6M5 23h18",
} as const;

/** A drawing beside words, which say the same. */
export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 28 28" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
