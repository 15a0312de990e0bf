UPDATE statements SET state = 'checked' WHERE state = 'confirmed';
