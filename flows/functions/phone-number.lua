-- Brings a phone number as people type it into the international form
-- (ITU-T E.164) that directories and telephone systems take.
return function(input)
  local codes = {DE = "49", AT = "43", CH = "41", FR = "33", GB = "44", US = "1", PL = "48", NL = "31"}
  local typed = text.trim(input.phone or "")
  if typed == "" then
    return {phone = "", known = false}
  end
  local digits = regex.replace(typed, "[^0-9+]", "")
  digits = regex.replace(digits, "^00", "+")
  if not text.starts_with(digits, "+") then
    local code = codes[input.country]
    if not code then
      log.warn("no dialling code for this country", {country = input.country})
      return {phone = typed, known = false}
    end
    digits = "+" .. code .. regex.replace(digits, "^0", "")
  end
  digits = regex.replace(digits, "^(\\+(49|43|41|33|44|48|31))0", "$1")
  if not regex.test(digits, "^\\+[1-9][0-9]{6,14}$") then
    return {phone = typed, known = false}
  end
  return {phone = digits, known = true}
end
