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
syntax match speccKeyword /\<\%(and\|assert\|block\|default\|else\|for\|from\|if\|import\|in\|let\|model\|not\|or\|repeat\|shared\|where\)\>/
syntax match speccKeyword /\<frozen\>\ze\_s*\%((\_[^{}]*)\_s*\)\?{\%(\%(\_s\|#.*\n\)*|\)\@!/
syntax match speccOperator /->\|\*\*\|[=!<>]=\|\/\/\|[<>=|+*/%-]/
syntax match speccPunctuation /[][{}(),:.]/
syntax match speccNumber /\<\d\+\%(_\d\+\)*\%(\.\d\+\%(_\d\+\)*\)\?\%([eE][+-]\?\d\+\|[kMG]\)\?\w\@!/
syntax match speccString /"\%([^"\\]\|\\.\)*"/
syntax match speccComment /#.*/ contains=@Spell

syntax match speccNameInValue /\<\h\w*/ contained
syntax match speccStepInValue /\<\h\w*\ze\s*(/ contained
syntax match speccBindingInValue /\<\h\w*\ze\s*==\@!/ contained
syntax match speccKeywordInValue /\<\%(and\|assert\|block\|default\|else\|for\|from\|if\|import\|in\|let\|model\|not\|or\|repeat\|shared\|where\)\>/ contained
syntax match speccKeywordInValue /\%(\<for\s\+\)\@64<=\h\w*\ze\s\+\%(in\>\)\@!\h/ contained
syntax region speccInParentheses matchgroup=speccPunctuation start=/(/ end=/)/ end=/^\ze\s*\%(block\|model\|from\|default\|let\|assert\|shared\|repeat\)\>/ contains=@speccValue
syntax region speccInBrackets matchgroup=speccPunctuation start=/\[/ end=/\]/ end=/^\ze\s*\%(block\|model\|from\|default\|let\|assert\|shared\|repeat\)\>/ contains=@speccValue
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
  \ matchgroup=NONE end=/\%(,\s*\%(#.*\)\?\)\@<!$/ end=/^\ze\s*\%(block\|model\|from\|default\|let\|assert\|shared\|repeat\)\>/
  \ contains=speccComment,speccString,speccPunctuation,speccDefinitionInImport,speccKeywordInImport

syntax match speccDefinitionInHeader /\%(\<\%(block\|model\)\s\+\)\@64<=\h\w*/ contained
syntax match speccTypeInHeader /\%(\%(:\|->\)\s*\)\@64<=\h\w*\ze\s*\[/ contained
syntax match speccBindingInParameters /\%(^\s*\|[(,]\s*\)\@256<=\h\w*/ contained
syntax region speccParameters matchgroup=speccPunctuation start=/(/ end=/)/ end=/^\ze\s*\%(block\|model\|from\|default\|let\|assert\|shared\|repeat\)\>/
  \ contained
  \ contains=@speccValue,speccTypeInHeader,speccBindingInParameters
syntax region speccHeader matchgroup=speccKeyword start=/\<\%(block\|model\)\>/
  \ matchgroup=NONE end=/{/me=s-1 end=/^\ze\s*\%(block\|model\|from\|default\)\>/
  \ contains=@speccValue,speccDefinitionInHeader,speccTypeInHeader,speccParameters

syntax match speccLabel /\<\%(else\>\)\@!\w\+\ze\s*:/
syntax match speccLabel /\<\d\+\%(_\d\+\)*\%(\.\d\+\%(_\d\+\)*\)\?\%([eE][+-]\?\d\+\|[kMG]\)\?\w\@!\ze\s*:/
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
highlight default link speccComment Comment
highlight default link speccKeyword Keyword
highlight default link speccDefinition Typedef
highlight default link speccStep Function
highlight default link speccLabel Label
highlight default link speccBinding Identifier
highlight default link speccType Type
highlight default link speccName NONE
highlight default link speccNumber Number
highlight default link speccString String
highlight default link speccOperator Operator
highlight default link speccPunctuation Delimiter

let b:current_syntax = 'specc'
