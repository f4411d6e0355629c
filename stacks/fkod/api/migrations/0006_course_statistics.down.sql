drop table course_statistics;
