-- How a person is shown: family name first where people write it so, marked when the
-- person is no employee. Letters stay as they are.
return function(input)
  local family_first = {"CN", "HU", "JP", "KR", "TW", "VN"}
  local first = text.normalize(input.preferred or input.first)
  local last = text.normalize(input.last)
  local shown = first .. " " .. last
  if list.contains(family_first, input.country) then
    shown = last .. " " .. first
  end
  shown = text.trim(shown)
  if shown == "" then
    fail("no-name", "The HRIS has no name for this person. Fill it in and try again.")
  end
  if input.worker_type ~= "employee" then
    shown = shown .. " (external)"
  end
  -- Directories take 64 letters; what marks a guest must not be what is cut off.
  if text.len(shown) > 64 then
    fail("too-long", "The name is longer than the 64 letters that directories take. Shorten it in the HRIS.")
  end
  return {display_name = shown}
end
