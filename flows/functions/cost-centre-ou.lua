-- Where an account stands in the directory: the unit of its cost centre, below its
-- country. The longest beginning of the number that is listed decides.
return function(input)
  local units = {
    ["1"] = "Production", ["12"] = "Logistics", ["2"] = "Sales", ["25"] = "Service",
    ["4"] = "Finance", ["47"] = "People", ["9"] = "Management",
  }
  local centre = regex.replace(input.cost_centre, "[^0-9]", "")
  local country = text.upper(text.trim(input.country))
  if not regex.test(country, "^[A-Z]{2}$") then
    fail("no-country", "The HRIS has no country of two letters for this person. Fill it in and try again.")
  end
  for length = text.len(centre), 1, -1 do
    local unit = units[text.sub(centre, 1, length)]
    if unit then
      return {ou = "OU=" .. unit .. ",OU=" .. country .. ",OU=People," .. input.base, unit = unit}
    end
  end
  fail("unknown-cost-centre", "No unit is known for the cost centre " .. input.cost_centre .. ". Add it to the function cost-centre-ou.")
end
