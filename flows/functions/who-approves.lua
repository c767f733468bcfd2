-- Who answers for a person: the nearest manager who is here, up to three levels up.
return function(input)
  local id = input.manager_id
  for level = 1, 3 do
    if id == "" or id == input.worker_id then
      fail("no-manager", "The HRIS names no manager who is here. Fill one in and try again.")
    end
    local manager = hris.get_worker("hris", id)
    if not manager then
      fail("no-manager", "The HRIS names a manager whom it does not know. Have HR look at the record.")
    end
    if manager.status == "active" and text.contains(map.get(manager, "work_email", ""), "@") then
      return {email = manager.work_email, level = level}
    end
    id = map.get(manager, "manager_id", "")
  end
  fail("no-manager-here", "None of the three managers above this person is here. Name somebody by hand.")
end
