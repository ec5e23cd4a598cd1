// What the build of the chunker uses of the AssemblyScript compiler. Its own declarations would bring a second `console`,
// `f64` and other globals into every file of the project.
interface Host {
  readFile(name: string, base: string): Promise<string | null>
  writeFile(name: string, contents: Uint8Array | string, base: string): void
  listFiles(folder: string, base: string): string[]
}

interface Text {
  toString(): string
}

declare const asc: {
  main(args: string[], host: Host): Promise<{ error: Error | null; stdout: Text; stderr: Text }>
}
export default asc
