autocmd BufNewFile,BufRead *.cnn setfiletype specc
