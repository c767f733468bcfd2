-- Which licence a person gets, by what they do. Licences follow groups, so the group of
-- the tier is planned, and those of the other tiers are taken back.
return function(input)
  local tier = "basic"
  if input.worker_type == "employee" and input.level >= 5 then
    tier = "full"
  elseif list.contains({"Engineering", "Finance", "Legal"}, input.department) then
    tier = "standard"
  end
  for _, other in ipairs({"basic", "standard", "full"}) do
    if other ~= tier then
      plan.remove_group("corp-ad", "licence-" .. other)
    end
  end
  plan.add_group("corp-ad", "licence-" .. tier)
  return {tier = tier}
end
