/** What the plots of the report share: they can be read on light and on dark. */
const STYLE = `text{fill:#1f2328;font:13px sans-serif}.bar{fill:#0969da}.range{stroke:#1f2328;stroke-width:1.5}
.goal{stroke:#cf222e;stroke-width:3}.key{fill:#cf222e}.grid{stroke:#d0d7de}.one{stroke:#59636e}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#4493f8}.range{stroke:#e6edf3}.goal{stroke:#ff7b72}
.key{fill:#ff7b72}.grid{stroke:#3d444d}.one{stroke:#9198a1}}`;

export function svg(title: string, width: number, height: number, content: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img"><title>${escaped(title)}</title>
<style>${STYLE}</style>
${content.join('\n')}
</svg>
`;
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
