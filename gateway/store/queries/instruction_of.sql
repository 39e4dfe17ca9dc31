select * from instruction where incident_id = %(incident)s or other = %(incident)s
 order by received_at, instruction_id
 limit %(limit)s
