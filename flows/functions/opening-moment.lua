-- When an account is opened: at seven in the morning of the first day, or on the working
-- day before where the joiner fetches a machine a day early.
return function(input)
  if not time.valid(input.start_date) then
    fail("no-start", "The HRIS has no start date for this person. Fill it in and try again.")
  end
  local day = input.start_date
  if input.fetches_machine then
    day = time.work_days(day, -1)
  end
  local late = time.days_between(day, run.today(input.zone)) > 0
  return {open_at = time.at(day, "07:00", input.zone), late = late}
end
