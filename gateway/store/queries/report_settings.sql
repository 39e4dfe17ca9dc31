select name, value, number from setting
