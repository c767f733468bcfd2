-- A number for POSIX systems that stays the same for a person: the digits of the
-- personnel number above 20000, or the next one that nobody has.
return function(input)
  local digits = regex.replace(input.worker_id, "[^0-9]", "")
  if digits == "" or text.len(digits) > 5 then
    fail("no-number", "The personnel number has to hold one to five digits. Choose a uidNumber by hand.")
  end
  local uid = 20000 + tonumber(digits)
  for _ = 1, 10 do
    local holder = directory.find_account("corp-ldap", {uidNumber = tostring(uid)})
    if not holder or holder.attributes.employeeNumber == input.worker_id then
      return {uid_number = uid, gid_number = uid}
    end
    log.info("number is taken", {uid = uid})
    uid = uid + 1
  end
  fail("no-free-number", "Ten numbers in a row are taken. Choose a uidNumber by hand.")
end
