/** Have the browser save bytes that the page holds. */
export function saveAs(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  follow(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Have the browser download what is at an address. */
export function download(address: string): void {
  follow(address, "");
}

function follow(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.rel = "noopener";
  link.click();
}
