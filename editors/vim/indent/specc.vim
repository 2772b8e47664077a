" specc, a compiler for convolutional networks: the indentation of `specc fmt`
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=SpeccIndent(v:lnum)
setlocal indentkeys=!^F,o,O,0},0),0],0<Bar>,0=->,0=where
let b:undo_indent = 'setlocal indentexpr< indentkeys<'

if exists('*SpeccIndent')
  finish
endif

" Brackets in strings and comments are none.
function! s:InText() abort
  return synIDattr(synID(line('.'), col('.'), 1), 'name') =~# '^specc\%(String\|Comment\)'
endfunction

" A line that goes on with what the line above says.
function! s:GoesOn(text) abort
  return a:text =~# '^\s*\%(->\|where\>\)'
endfunction

" Where the statement of a line begins; in an arm, behind its bar.
function! s:Begin(lnum) abort
  let lnum = a:lnum
  while lnum > 1 && s:GoesOn(getline(lnum))
    let lnum = prevnonblank(lnum - 1)
  endwhile
  return strlen(matchstr(getline(lnum), '^\s*\%(|\s*\)\?'))
endfunction

" The line that a bracket around the beginning of a line opens on; 0 where there is none.
function! s:Opener(lnum) abort
  call cursor(a:lnum, 1)
  return searchpair('[[({]', '', '[])}]', 'bnW', 's:InText()')
endfunction

function! SpeccIndent(lnum) abort
  let text = getline(a:lnum)
  let opener = s:Opener(a:lnum)
  let base = opener ? s:Begin(opener) : 0
  if text =~# '^\s*[])}]'
    return base
  endif
  let base += opener ? shiftwidth() : 0
  if text =~# '^\s*|'
    return base
  endif
  " Behind a bar an arm goes on to the end of the braces.
  let before = prevnonblank(a:lnum - 1)
  while before > opener
    if getline(before) =~# '^\s*|' && s:Opener(before) == opener
      let base += shiftwidth()
      break
    endif
    let before = prevnonblank(before - 1)
  endwhile
  return base + (s:GoesOn(text) ? shiftwidth() * (opener ? 1 : 2) : 0)
endfunction
