"""The text form that both bundled models see, and the only door to it.

ParaDetox and Jigsaw are lower-case text with punctuation set apart; nobody writes that way. `to_model_form` maps
corpora and real comments to one form, so that a model trained on the corpora meets nothing new in a comment:

    Don't be an IDIOT,Kevin!!     ->  don't be an idiot , kevin !
    don 't be an idiot , kevin !  ->  don't be an idiot , kevin !

The TypeScript side ports this file exactly, so every pattern keeps to what Python's `regex` module and a JavaScript
RegExp with the `u` flag read alike: Unicode property classes and one-character lookbehind. No \\w, \\s, \\d, \\b
(the languages define them differently), no back-references, no conditionals, no flags.

The lexer walks the text from left to right and tries these kinds in this order (`LEXER` joins them with `|`):

1. url     `https://…`, `http://…`, `www.…`, without closing punctuation       -> `urlx`
2. user    `@name`, not after a letter or digit, not a disguised `@ss…`        -> `@userx`
3. trivia  emoji, zero-width and control characters                            -> no token
4. dots    two or more full stops, or `…`                                      -> `...`
5. number  digits joined by `. , : /`  (`1,250.50`, `3:30`, `24/7`)            -> word rules
6. word    letters and digits and what people put between them (`half-assed`, `snake_case`, `f*ck`, `sh!t`, `a$$`,
           `f***`), with a clitic set apart by at most one space (`don 't`)    -> word rules
7. mark    a run of `*`, `_`, `~` or back-ticks that no word claimed: Markdown -> no token
8. point   one mark of punctuation or symbol; equal ones that follow join it   -> point rules

Word rules: `ASCII` replacements, NFKC, lower case, white space removed. Point rules: `ASCII` replacement, else NFKC
where that gives one character, else the character. Other characters separate tokens. The model form is the tokens
joined by single spaces.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import regex

L = r"\p{L}"
LN = r"\p{L}\p{N}"
LNMU = r"\p{L}\p{N}\p{M}_"
EMOJI = (
    r"\U0001F000-\U0001FAFF\u2190-\u21FF\u2300-\u23FF\u2600-\u27BF\u2B00-\u2BFF\uFE0F\u20E3\U000E0020-\U000E007F"
)

URL = r"(?:[hH][tT][tT][pP][sS]?://|[wW][wW][wW]\.)[^\p{Z}\p{Cc}<>]*[^\p{Z}\p{Cc}<>.,!?;:)\"'\]*_~`’”]"
USER = rf"(?<![{LNMU}])@(?!ss(?:es|hat|hole|holes|wipe)?(?![{LNMU}]))[{LNMU}]+"
TRIVIA = rf"[{EMOJI}\p{{Cc}}\p{{Cf}}\p{{Co}}]+"
DOTS = r"\.{2,}|…"
NUMBER = rf"[0-9]+(?:[.,:/][0-9]+)+(?![{LNMU}])"
# `f**`, `sh****`: a stem, then stars to the end. Not after a star: that is the end of `**bold**`.
STARRED = rf"(?<![{LNMU}*])(?:{L}{{1,2}}\*{{2,}}|{L}{{1,6}}\*{{3,}})(?![{LNMU}*])"
WORD_START = rf"#?[{LN}]|\$(?={L})|@(?=ss|\$\$)"
WORD_INNER = (
    rf"[{LN}\p{{M}}]"
    rf"|[_*@$#%&]+(?=[{LN}])"  # f*ck, f@ck, fu#k, snake_case, at&t
    rf"|['’\-](?=[{LN}])"  # don't, half-assed
    rf"|(?<!\p{{Ll}})[.!](?={L})|[.!](?=[\p{{Ll}}\p{{N}}])"  # sh!t, U.S, utils.py; not `it.Then`
    rf"|(?<=[{L}$@])\$"  # a$$
)
CLITIC = rf" ?['’](?:[tTsSdDmM]|[rR][eE]|[lL][lL]|[vV][eE])(?![{LNMU}'’])"
WORD = rf"(?:{STARRED}|(?:{WORD_START})(?:{WORD_INNER})*)(?:{CLITIC})?"
MARK = r"\*+|_+|~+|`+"
POINT = r"[\p{P}\p{S}\p{M}]"

LEXER = regex.compile(
    rf"(?P<url>{URL})|(?P<user>{USER})|(?P<trivia>{TRIVIA})|(?P<dots>{DOTS})|(?P<number>{NUMBER})"
    rf"|(?P<word>{WORD})|(?P<mark>{MARK})|(?P<point>{POINT})"
)

ASCII = {
    "’": "'", "‘": "'", "‚": "'", "‛": "'", "′": "'", "´": "'", "ʼ": "'",
    "“": '"', "”": '"', "„": '"', "‟": '"', "″": '"', "«": '"', "»": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-",
    "‼": "!", "⁉": "!", "⁇": "?", "⁈": "?",
}  # fmt: skip
SPACE = regex.compile(r"[\p{Z}\p{Cc}]+")


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its model form, the half-open span of the source it stands for, and its kind."""

    form: str
    start: int
    end: int
    kind: str  # url, user, dots, number, word or point


def word_form(raw: str) -> str:
    """`Don ’T` -> `don't`"""
    ascii_form = "".join(ASCII.get(c, c) for c in raw)
    return SPACE.sub("", unicodedata.normalize("NFKC", ascii_form).lower())


def point_form(raw: str) -> str:
    """One character of punctuation -> its ASCII or compatibility form."""
    if raw in ASCII:
        return ASCII[raw]
    compatible = unicodedata.normalize("NFKC", raw)
    return compatible if len(compatible) == 1 else raw


def lex(text: str) -> list[Token]:
    """The tokens of `text`, in order; emoji and Markdown marks have none."""
    tokens: list[Token] = []
    position = 0
    while found := LEXER.search(text, position):
        kind, raw, start, end = found.lastgroup or "", found.group(), found.start(), found.end()
        if kind == "url":
            tokens.append(Token("urlx", start, end, kind))
        elif kind == "user":
            tokens.append(Token("@userx", start, end, kind))
        elif kind == "dots":
            tokens.append(Token("...", start, end, kind))
        elif kind in ("number", "word"):
            tokens.append(Token(word_form(raw), start, end, kind))
        elif kind == "point":
            while text[end : end + 1] == raw:
                end += 1
            tokens.append(Token(point_form(raw), start, end, kind))
        position = end
    return tokens


def to_model_form(text: str) -> str:
    """`text` as the models see it: tokens joined by single spaces."""
    return " ".join(token.form for token in lex(text))
