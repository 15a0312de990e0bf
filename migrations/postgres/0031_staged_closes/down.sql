DROP TABLE close_drafts;
DROP TABLE close_subjects;
DROP TABLE closings;
