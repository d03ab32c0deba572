import type { JsonValue } from '../contract/row.ts';
import { wordsIn } from './column-measure.ts';
import { type HeaderCheck, type HeaderDoubt, snakeCase } from './column-names.ts';

/** Words that names of columns consist of; those of labels are not among them. */
const NAME_WORDS = new Set(
  [
    'text texts comment comments body content contents message messages post posts review reviews sentence sentences',
    'utterance tweet tweets title headline subject name names id ids key label labels class category categories type kind',
    'tag tags topic date datetime time timestamp created updated year month author user username url link source target',
    'score rating value count lang language country city description summary answer answers question questions response',
    'responses feedback remark remarks note notes reply replies quote narrative dialogue dialog prompt completion input',
    'output reference paraphrase word words term terms phrase phrases token tokens ngram lexicon entry entries line row',
    'index number no nr status state group file path email phone age gender sex split reason opinion caption transcript',
    'transcription speech abstract article paragraph document doc data field column subreddit forum thread channel toxicity',
    'sentiment translation original raw clean cleaned filtered item query keyword keywords chat conversation turn speaker',
    'texto texte tekst testo tekstas kommentar kommentare comentario comentarios comentário commentaire commentaires',
    'mensaje mensagem nachricht beitrag satz sätze frase frases titel titre título titolo wort wörter mot mots palabra',
    'antwort frage respuesta pregunta réponse datum fecha data bemerkung meinung bewertung inhalt contenido contenu',
    'текст комментарий комментарии сообщение отзыв 文本 评论 内容 句子 标题 コメント テキスト 本文 댓글 내용 텍스트 نص تعليق',
  ].flatMap((line) => line.split(' ')),
);

/** Of a value: the beginning says enough. */
const LOOKED_AT_CHARS = 2_000;
/** Of a header cell and the values below: so much longer or shorter they are still alike. */
const ALIKE = 2;
/** Words of a sentence at least. */
const SENTENCE = 3;

/** Looks for reasons to take the first line for a row. `values` are those of each column; a row of another width has none. */
export function checkHeader(header: readonly string[], values: (index: number) => readonly JsonValue[]): HeaderCheck {
  const cells = header.map((cell, index) => {
    const below = values(index).flatMap((value) => {
      const text = typeof value === 'string' ? value.trim().slice(0, LOOKED_AT_CHARS) : '';
      return text === '' ? [] : [text];
    });
    return { cell: cell.trim(), index, below };
  });
  const isCounted = cells.every(
    ({ cell, index }) => cell === '' || cell === String(index) || cell === String(index - 1),
  );
  const hasNumbers = !isCounted && cells.some(({ cell, below }) => cell !== '' && isSameKey(cell, below));
  const isProven =
    !hasNumbers &&
    cells.some(({ cell, below }) => cell !== '' && keyKind(cell) === null && below.length > 0 && isKeys(below));
  const isNamed = cells.some(({ cell }) => hasNameWord(cell));
  if (hasNumbers) return { doubt: isNamed ? 'doubtful' : 'likely', isProven: false };
  if (isProven || isCounted) return { doubt: 'none', isProven };
  const doubts = cells.map(({ cell, below }) => doubtOfCell(cell, below));
  if (doubts.includes('likely')) return { doubt: isNamed ? 'doubtful' : 'likely', isProven };
  const isLoneWord =
    cells.length === 1 && cells.every(({ cell, below }) => wordsIn(cell) > 1 || (isWord(cell) && below.every(isWord)));
  return { doubt: !isNamed && (isLoneWord || doubts.includes('doubtful')) ? 'doubtful' : 'none', isProven };
}

function doubtOfCell(cell: string, below: readonly string[]): HeaderDoubt {
  if (cell === '' || hasNameWord(cell)) return 'none';
  if (below.length > 1 && below.includes(cell)) return 'likely';
  if (!/\s/.test(cell) && !UNSPACED.test(cell)) return 'none';
  const words = wordsIn(cell);
  const average = below.reduce((sum, text) => sum + wordsIn(text), 0) / Math.max(1, below.length);
  const isAlike = average <= ALIKE * words && words <= ALIKE * average;
  if (words >= SENTENCE) return isAlike && !UNSPACED.test(cell) ? 'likely' : 'doubtful';
  return words > 1 && isAlike ? 'doubtful' : 'none';
}

const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;

/** `Your comments`, `comment_original`; a longer line may hold such a word by chance. */
function hasNameWord(cell: string): boolean {
  const words = snakeCase(cell.replace(/\([^()]*\)|["?:*]/g, '').trim()).split('_');
  if (words.length > 4) return false;
  if (/^\p{L}[\p{L}\d]*(_[\p{L}\d]+)+$/u.test(cell)) return true;
  return [words[0], words.at(-1)].some(
    (word = '') => NAME_WORDS.has(word) || NAME_WORDS.has(word.replace(/(?<!\d)\d+$/, '')),
  );
}

function isWord(text: string): boolean {
  return /^\S+$/.test(text) && !UNSPACED.test(text) && keyKind(text) === null;
}

/** A number above numbers, a date above dates, an address above addresses, a key above keys of the same length. */
function isSameKey(cell: string, below: readonly string[]): boolean {
  const kind = keyKind(cell);
  // Columns may be years.
  if (kind === null || /^(19|20)\d\d$/.test(cell)) return false;
  return below.every((value) => keyKind(value) === kind && (kind !== 'key' || value.length === cell.length));
}

function isKeys(values: readonly string[]): boolean {
  return values.every((value) => keyKind(value) !== null);
}

function keyKind(text: string): 'number' | 'date' | 'address' | 'key' | null {
  if (/^[-+]?(\d[\d,]*(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text)) return 'number';
  if (/^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ][\d:.,+ -]+Z?)?$/.test(text)) return 'date';
  if (/^([a-z][\w+.-]*:\/\/\S+|[^\s@]+@[^\s@]+\.[a-z]+)$/i.test(text)) return 'address';
  if (/^(?=\D*\d)[!-~]{8,}$/.test(text)) return 'key';
  return null;
}
