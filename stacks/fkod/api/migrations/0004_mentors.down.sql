drop table mentor_matches;
drop table mentors;
