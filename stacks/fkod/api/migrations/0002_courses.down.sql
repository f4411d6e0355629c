drop table courses;
