" For each file that is given: the group of every character that is no blank, as lines of LINE COLUMN GROUP.
set nocompatible nomore encoding=utf-8
let &runtimepath = $SPECC_PLUGIN . ',' . $VIMRUNTIME
filetype off
filetype plugin indent on
syntax on
let s:found = []
for s:name in readfile($SPECC_FILES)
  execute 'edit' fnameescape(s:name)
  call add(s:found, 'FILE ' . &filetype)
  for s:line in range(1, line('$'))
    let s:text = getline(s:line)
    for s:column in range(1, len(s:text))
      if s:text[s:column - 1] !~# '\s'
        call add(s:found, s:line . ' ' . s:column . ' ' . synIDattr(synID(s:line, s:column, 1), 'name'))
      endif
    endfor
  endfor
endfor
call writefile(s:found, $SPECC_FOUND)
qall!
