" Every file that is given is written with the indentation that the plugin gives to its lines, one after the other.
set nocompatible nomore encoding=utf-8
let &runtimepath = $SPECC_PLUGIN . ',' . $VIMRUNTIME
filetype off
filetype plugin indent on
syntax on
for s:name in readfile($SPECC_FILES)
  execute 'edit' fnameescape(s:name)
  normal! gg=G
  silent write
endfor
qall!
