drop table enrolments;
