BEGIN TRANSACTION;
CREATE TABLE jobs (
	id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	spec VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	wanted VARCHAR NOT NULL, 
	fraction DOUBLE NOT NULL, 
	sentence VARCHAR NOT NULL, 
	error VARCHAR, 
	notices VARCHAR NOT NULL, 
	result VARCHAR NOT NULL, 
	attempts INTEGER NOT NULL, 
	created DOUBLE NOT NULL, 
	updated DOUBLE NOT NULL, 
	finished DOUBLE, 
	PRIMARY KEY (id)
);
INSERT INTO "jobs" VALUES('5f0c3a91be','bring','{"kind":"bring","model":"some/model"}','done','run',1.0,'Done.',NULL,'[]','{"path": "models/some"}',1,1763805600.0,1763805660.5,1763805660.5);
INSERT INTO "jobs" VALUES('77aa01cc2d','bring','{"kind":"bring","model":"other/model"}','queued','run',0.0,'Waiting for its turn.',NULL,'["A notice."]','{}',0,1763805700.0,1763805700.0,NULL);
CREATE TABLE labels (
	kind VARCHAR NOT NULL, 
	id VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	note VARCHAR NOT NULL, 
	tags VARCHAR NOT NULL, 
	PRIMARY KEY (kind, id)
);
INSERT INTO "labels" VALUES('job','5f0c3a91be','the first','kept','["old"]');
CREATE TABLE requests (
	id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	payload VARCHAR NOT NULL, 
	answer VARCHAR, 
	error VARCHAR, 
	created DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "requests" VALUES(1,'tokens','{}',NULL,NULL,1763805700.0);
CREATE TABLE solutions (
	id VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	made_from VARCHAR NOT NULL, 
	job VARCHAR, 
	record VARCHAR NOT NULL, 
	length INTEGER NOT NULL, 
	created VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "solutions" VALUES('0011223344ff-abcdef01','solutions/run1/0011223344ff-abcdef01.safetensors','0011223344ff','run1','{}',3,'2026-11-22T10:00:00+00:00');
CREATE TABLE workers (
	device VARCHAR NOT NULL, 
	pid INTEGER NOT NULL, 
	beat DOUBLE NOT NULL, 
	doing VARCHAR NOT NULL, 
	ready BOOLEAN NOT NULL, 
	PRIMARY KEY (device)
);
INSERT INTO "workers" VALUES('cpu',4711,1763805700.0,'',1);
CREATE INDEX ix_solutions_made_from ON solutions (made_from);
CREATE INDEX ix_solutions_created ON solutions (created);
CREATE INDEX ix_solutions_job ON solutions (job);
CREATE INDEX ix_jobs_state ON jobs (state);
COMMIT;
