UPDATE statements SET state = 'confirmed' WHERE state = 'checked';
