" specc, a compiler for convolutional networks
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal comments=:#
setlocal commentstring=#\ %s
setlocal expandtab shiftwidth=2 softtabstop=2
setlocal formatoptions-=t formatoptions+=croql
setlocal suffixesadd=.cnn
let b:undo_ftplugin = 'setlocal comments< commentstring< expandtab< shiftwidth< softtabstop< formatoptions< suffixesadd<'

" `specc fmt` indents by what a line stands in, so indentation is what folds: let g:specc_fold = 1
if get(g:, 'specc_fold', 0)
  setlocal foldmethod=indent
  let b:undo_ftplugin .= ' foldmethod<'
endif
