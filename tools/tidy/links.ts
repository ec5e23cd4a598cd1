// Every link between documents leads somewhere, and files that texts and comments mention exist.
import { lineOf } from './scan.ts'
import type { Finding, Tree } from './tree.ts'

const LINK = /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^\[[^\]]+\]:\s*(\S+)/gm
const MENTION = /(?<![\w./-])(?:docs|src|test|tools|bench|changelog)\/[\w./-]*\w\.(?:md|ts|sh|json|wasm|cddl)\b/g

/** `exists` tells about files that are not text; paths are below the checkout. */
export function checkLinks(tree: Tree, exists: (path: string) => boolean): Finding[] {
  const findings: Finding[] = []
  const there = (path: string): boolean => tree.files.has(path) || exists(path)
  for (const file of tree.with('.md')) {
    const prose = withoutCode(tree.text(file))
    for (const match of prose.matchAll(LINK)) {
      const link = match[1] ?? match[2]!
      if (/^[a-z][a-z0-9+.-]*:/i.test(link)) continue
      const flaw = flawOf(link, file)
      if (flaw !== undefined) findings.push({ file, line: lineOf(prose, match.index), what: `link ${link} ${flaw}` })
    }
  }
  for (const file of tree.with('.md', '.ts')) {
    const prose = file.endsWith('.md') ? tree.text(file) : tree.scan(file).comments
    for (const match of prose.matchAll(MENTION)) {
      if (!there(match[0]))
        findings.push({ file, line: lineOf(prose, match.index), what: `mentions ${match[0]}, which is not there` })
    }
  }
  return findings

  function flawOf(link: string, file: string): string | undefined {
    const [path = '', anchor] = link.split('#', 2)
    const target = path === '' ? file : join(file, decodeURIComponent(path))
    if (target === undefined) return 'leaves the checkout'
    if (!there(target)) return 'leads nowhere'
    if (anchor === undefined || !target.endsWith('.md') || anchorsOf(tree.text(target)).has(anchor)) return undefined
    return `: ${target} has no such heading`
  }
}

/** Anchors as the usual renderers make them from headings. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading] of withoutCode(markdown, false).matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)) {
    const text = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const slug = text.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')
    let unique = slug
    for (let n = 1; anchors.has(unique); n++) unique = `${slug}-${n}`
    anchors.add(unique)
  }
  return anchors
}

/** Blanks fenced blocks, and spans of code too unless told otherwise. */
function withoutCode(markdown: string, spans = true): string {
  const blank = (text: string): string => text.replace(/[^\n]/g, ' ')
  const fenced = markdown.replace(/^(```+|~~~+)[^\n]*\n[\s\S]*?^\1[^\n]*$/gm, blank)
  return spans ? fenced.replace(/(`+)(?!`)[^\n]*?[^`]\1(?!`)/g, blank) : fenced
}

function join(file: string, relative: string): string | undefined {
  const parts = relative.startsWith('/') ? [] : file.split('/').slice(0, -1)
  for (const part of relative.split('/')) {
    if (part === '..' && parts.pop() === undefined) return undefined
    if (part !== '' && part !== '.' && part !== '..') parts.push(part)
  }
  return parts.join('/')
}
