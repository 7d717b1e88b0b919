const PATHS = {
  brand: "M22 6v10a4 4 0 0 1-4 4H7m5-5-5 5 5 5",
  file: "M8 4h8l6 6v14H8zM16 4v6h6",
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
