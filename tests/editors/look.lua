-- What Neovim knows of the file that is open: findings, hints beside lines, colours; as JSON.
local function said(what, holds)
  if not vim.wait(20000, holds, 50) then
    io.stderr:write("no " .. what .. " within 20 seconds\n")
    vim.cmd("cquit")
  end
end

said("findings", function() return #vim.diagnostic.get(0) > 0 end)
said("hints", function() return #vim.lsp.inlay_hint.get({ bufnr = 0 }) > 0 end)
local found = { filetype = vim.bo.filetype, commentstring = vim.bo.commentstring, findings = {}, hints = {} }
for _, finding in ipairs(vim.diagnostic.get(0)) do
  table.insert(found.findings, { finding.lnum + 1, finding.code, finding.message })
end
for _, hint in ipairs(vim.lsp.inlay_hint.get({ bufnr = 0 })) do
  local label = hint.inlay_hint.label
  table.insert(found.hints, { hint.inlay_hint.position.line + 1, label })
end
table.sort(found.hints, function(a, b) return a[1] < b[1] end)
vim.fn.writefile({ vim.json.encode(found) }, vim.env.SPECC_FOUND)
vim.cmd("qall!")
