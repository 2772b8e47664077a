"""Vim's syntax file: ``python -m specc.highlighting.vim > editors/vim/syntax/specc.vim``.

The words are those of the language's own lexer; numbers, strings and what stands where are told in Vim's regular
expressions, which are of another kind, and tests hold the groups to `specc.highlighting.roles`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from specc.highlighting.roles import ITEMS, STATEMENTS, Role
from specc.syntax.tokens import keywords

GROUPS: dict[Role, str] = {
    Role.COMMENT: "Comment",
    Role.KEYWORD: "Keyword",
    Role.DEFINITION: "Typedef",
    Role.STEP: "Function",
    Role.LABEL: "Label",
    Role.BINDING: "Identifier",
    Role.TYPE: "Type",
    Role.NAME: "NONE",
    Role.NUMBER: "Number",
    Role.STRING: "String",
    Role.OPERATOR: "Operator",
    Role.PUNCTUATION: "Delimiter",
}
"""By a role: the group that colour schemes know. The group of specc's own is called ``specc`` and the role."""

_NUMBER = r"\<\d\+\%(_\d\+\)*\%(\.\d\+\%(_\d\+\)*\)\?\%([eE][+-]\?\d\+\|[kMG]\)\?\w\@!"
_SYNTAX = r"""
" specc, a compiler for convolutional networks
" Made by specc.highlighting.vim: make grammar
if exists('b:current_syntax')
  finish
endif
syntax case match
syntax sync fromstart

" Of several items that begin at one place Vim takes the last, so what is special stands below what is general.
" In a body a name is a step. In brackets, in a header and behind some words it is a value.
syntax match speccStep /\<\h\w*/
syntax match speccName /\%(\.\s*\)\@16<=\<\h\w*/
syntax match speccBinding /\%(\<shared\s\+\)\@64<=\h\w*/
syntax match speccKeyword /\<\%(%KEYWORDS%\)\>/
syntax match speccKeyword /\<frozen\>\ze\_s*\%((\_[^{}]*)\_s*\)\?{\%(\%(\_s\|#.*\n\)*|\)\@!/
syntax match speccOperator /->\|\*\*\|[=!<>]=\|\/\/\|[<>=|+*/%-]/
syntax match speccPunctuation /[][{}(),:.]/
syntax match speccNumber /%NUMBER%/
syntax match speccString /"\%([^"\\]\|\\.\)*"/
syntax match speccComment /#.*/ contains=@Spell

syntax match speccNameInValue /\<\h\w*/ contained
syntax match speccStepInValue /\<\h\w*\ze\s*(/ contained
syntax match speccBindingInValue /\<\h\w*\ze\s*==\@!/ contained
syntax match speccKeywordInValue /\<\%(%KEYWORDS%\)\>/ contained
syntax match speccKeywordInValue /\%(\<for\s\+\)\@64<=\h\w*\ze\s\+\%(in\>\)\@!\h/ contained
syntax region speccInParentheses matchgroup=speccPunctuation start=/(/ end=/)/ end=/%STATEMENT%/ contains=@speccValue
syntax region speccInBrackets matchgroup=speccPunctuation start=/\[/ end=/\]/ end=/%STATEMENT%/ contains=@speccValue
syntax cluster speccValue contains=speccComment,speccString,speccNumber,speccOperator,speccPunctuation
syntax cluster speccValue add=speccNameInValue,speccStepInValue,speccBindingInValue,speccKeywordInValue
syntax cluster speccValue add=speccInParentheses,speccInBrackets

syntax region speccLet matchgroup=speccKeyword start=/\<\%(let\|assert\)\>/
  \ matchgroup=NONE end=/$/ end=/}/me=s-1
  \ contains=@speccValue
syntax region speccCondition matchgroup=speccKeyword start=/\<\%(for\|if\|repeat\)\>/
  \ matchgroup=NONE end=/$/ end=/{/me=s-1
  \ contains=@speccValue

syntax match speccDefinitionInImport /\<\h\w*/ contained
syntax match speccKeywordInImport /\<import\>/ contained
syntax region speccImport matchgroup=speccKeyword start=/\<from\>/
  \ matchgroup=NONE end=/\%(,\s*\%(#.*\)\?\)\@<!$/ end=/%STATEMENT%/
  \ contains=speccComment,speccString,speccPunctuation,speccDefinitionInImport,speccKeywordInImport

syntax match speccDefinitionInHeader /\%(\<\%(block\|model\)\s\+\)\@64<=\h\w*/ contained
syntax match speccTypeInHeader /\%(\%(:\|->\)\s*\)\@64<=\h\w*\ze\s*\[/ contained
syntax match speccBindingInParameters /\%(^\s*\|[(,]\s*\)\@256<=\h\w*/ contained
syntax region speccParameters matchgroup=speccPunctuation start=/(/ end=/)/ end=/%STATEMENT%/
  \ contained
  \ contains=@speccValue,speccTypeInHeader,speccBindingInParameters
syntax region speccHeader matchgroup=speccKeyword start=/\<\%(block\|model\)\>/
  \ matchgroup=NONE end=/{/me=s-1 end=/%ITEM%/
  \ contains=@speccValue,speccDefinitionInHeader,speccTypeInHeader,speccParameters

syntax match speccLabel /\<\%(else\>\)\@!\w\+\ze\s*:/
syntax match speccLabel /%NUMBER%\ze\s*:/
syntax match speccLabel /"\%([^"\\]\|\\.\)*"\ze\s*:/

highlight default link speccNameInValue speccName
highlight default link speccStepInValue speccStep
highlight default link speccBindingInValue speccBinding
highlight default link speccBindingInParameters speccBinding
highlight default link speccKeywordInValue speccKeyword
highlight default link speccKeywordInImport speccKeyword
highlight default link speccDefinitionInImport speccDefinition
highlight default link speccDefinitionInHeader speccDefinition
highlight default link speccTypeInHeader speccType
"""


def syntax() -> str:
    """The whole file."""
    links = [f"highlight default link specc{role.capitalize()} {group}" for role, group in GROUPS.items()]
    rules = _SYNTAX.strip()
    for name, pattern in {
        "KEYWORDS": r"\|".join(sorted(keywords())),
        "NUMBER": _NUMBER,
        "STATEMENT": _before(STATEMENTS),
        "ITEM": _before(ITEMS),
    }.items():
        rules = rules.replace(f"%{name}%", pattern)
    return "\n".join([rules, *links, "", "let b:current_syntax = 'specc'", ""])


def _before(words: Iterable[str]) -> str:
    """In front of a line that one of the words begins."""
    return r"^\ze\s*\%(" + r"\|".join(words) + r"\)\>"


if __name__ == "__main__":
    sys.stdout.buffer.write(syntax().encode())
