drop table nps_responses;
drop table satisfaction;
