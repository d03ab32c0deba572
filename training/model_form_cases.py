"""Writes `model_form_cases.jsonl`: {text, form, tokens: [[form, start, end, kind], ...]}, offsets in UTF-16 units.

    python -m training.model_form_cases

The TypeScript port of the model form is tested against this file.
"""

from __future__ import annotations

import json
from pathlib import Path

from training.model_form import lex, to_model_form

TEXTS = (
    "Don't be an IDIOT,Kevin!!",
    "don 't be an idiot , kevin ! i 'm sure you 're right , he 'll see",
    "f*cking sh1t a$$ @ss @sshole $hit b!tch s**t f*** f** SH!T f.u.c.k f-ck",
    "**Note:** your PR is crap, see #4312 and `utils/parse.py` for *how* it's done. _really_ ~~no~~",
    "@sam_t what?! 😡 The build was fine until YOU touched it…",
    "see https://en.wikipedia.org/wiki/Main_Page). or www.example.org, ok (http://a.b/c?d=e)",
    "It's 3:30 p.m., he paid $2,000 or 1,250.50 € (50%) 24/7... and 5.0.1",
    "The end.Then stop!Please U.S. e.g. this half-assed rock'n'roll AT&T C++ C#",
    "I don’t give a damn about your “benchmarks”, show me ‘the code’ — now – or never.",
    "snake_case word_ _word *gasps*i you* a**",
    "$$ $5 100$ #tag # @ @@ me@example.org @$$",
    "naïve Zoë ǅ İstanbul ﬁne ｆｕｌｌ 𝐟𝐮𝐜𝐤 ½ Ⅻ ™ ‼️ ´x´ «q»",
    "👍🏽👩‍👩‍👧 family🎉party ❤️ <3 :) :-( →",
    "zero\u200bwidth soft\u00adhyphen tab\tnew\nline\r\nnbsp\u00a0end",
    "'hello' the boys' 's the 's' key 'tis y'all'd've rock'",
    "WHY?!?! ... .. . ,,, ;; -- - !!!???",
    "हिन्दी भाषा 日本語のテキスト русский текст",
    "",
    "   ",
    "😀",
)


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def main() -> None:
    lines = []
    for text in TEXTS:
        tokens = [[t.form, utf16(text[: t.start]), utf16(text[: t.end]), t.kind] for t in lex(text)]
        lines.append(json.dumps({"text": text, "form": to_model_form(text), "tokens": tokens}, ensure_ascii=False))
    file = Path(__file__).with_name("model_form_cases.jsonl")
    file.write_text("\n".join(lines) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
