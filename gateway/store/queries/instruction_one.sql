select * from instruction where instruction_id = %(instruction)s
