-- Logins of contractors begin with c-, so that everybody sees what they are. Where
-- somebody has the name, the next free number is put behind it.
return function(input)
  local first, gone = text.ascii(input.first, "de")
  local last, lost = text.ascii(input.last, "de")
  if gone .. lost ~= "" or first == "" or last == "" then
    fail("no-latin-name", "This name has no Latin form. Ask the contractor for one.")
  end
  -- 18 letters and c- are the 20 that Active Directory takes.
  local own = name.fit("ad-login", text.sub(first, 1, 1) .. last, 18)
  local login = "c-" .. own
  local number = 1
  while directory.username_taken("corp-ad", login) do
    number = number + 1
    if number > 20 then
      fail("no-free-login", "Twenty contractors of this name have a login. Choose one by hand.")
    end
    login = "c-" .. name.with_number("ad-login", own, number, 18)
  end
  return {login = login}
end
