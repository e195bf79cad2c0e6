/*
 * The agent inside the guest: runs the commands that the test asks for, and reaps what is left to process 1.
 *
 * It speaks frames over a virtio-serial port: kind (1 byte), command number (4), payload length (4), payload; all numbers
 * little endian. frames.ts is the other end and says what each kind carries. When the host goes away, the guest restarts,
 * which ends QEMU (-no-reboot): no machine outlives the test that started it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY = 1, RUN = 2, KILL = 3, STDOUT = 4, STDERR = 5, EXIT = 6, PING = 7, PONG = 8 };
enum { HEADER = 9, COMMANDS = 128, CHUNK = 32768, LONGEST = 256 << 20 };

struct command {
	int used;
	uint32_t number;
	pid_t pid;      /* 0 once the process has ended */
	int output[2];  /* our ends of stdout and stderr; -1 once the last writer has closed */
};

static struct command commands[COMMANDS];
static int port = -1;

static void die(const char *what)
{
	fprintf(stderr, "agent: cannot %s: %s\n", what, strerror(errno));
	if (getpid() == 1)
		reboot(RB_AUTOBOOT);
	exit(1);
}

static void put32(unsigned char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t get32(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void write_all(int fd, const void *data, size_t length)
{
	const char *at = data;
	while (length > 0) {
		ssize_t n = write(fd, at, length);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			die("write");
		at += n;
		length -= (size_t)n;
	}
}

static void send_frame(unsigned char kind, uint32_t number, const void *payload, uint32_t length)
{
	unsigned char header[HEADER] = {kind};
	put32(header + 1, number);
	put32(header + 5, length);
	write_all(port, header, sizeof header);
	if (length > 0)
		write_all(port, payload, length);
}

static int connected;

/* Before the host's first frame an end of file only says that the host has not opened its end yet. */
static void read_all(void *data, size_t length)
{
	char *at = data;
	while (length > 0) {
		ssize_t n = read(port, at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 && connected) {
			reboot(RB_AUTOBOOT);
			die("restart");
		}
		if (n <= 0) {
			usleep(2000);
			continue;
		}
		connected = 1;
		at += n;
		length -= (size_t)n;
	}
}

static int file_with(const void *data, size_t length)
{
	int fd = memfd_create("stdin", MFD_CLOEXEC);
	if (fd < 0)
		die("make a file for stdin");
	write_all(fd, data, length);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static char **strings(char **at, uint32_t count)
{
	char **list = calloc(count + 1, sizeof *list);
	if (list == NULL)
		die("allocate");
	for (uint32_t i = 0; i < count; i++) {
		list[i] = *at;
		*at += strlen(*at) + 1;
	}
	return list;
}

static void become(char **argv, char **envp, const char *directory, const int fds[3])
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	if (chdir(directory) == 0)
		execvpe(argv[0], argv, envp);
	dprintf(2, "agent: cannot run %s in %s: %s\n", argv[0], directory, strerror(errno));
	_exit(127);
}

/* Payload: argc, envc, length of stdin (4 bytes each); directory, arguments, environment as C strings; stdin. */
static void run(uint32_t number, unsigned char *payload, uint32_t length)
{
	struct command *command = commands;
	while (command < commands + COMMANDS && command->used)
		command++;
	if (command == commands + COMMANDS) {
		errno = EAGAIN;
		die("run one more command");
	}
	uint32_t input = get32(payload + 8);
	char *at = (char *)payload + 12;
	const char *directory = at;
	at += strlen(at) + 1;
	char **argv = strings(&at, get32(payload));
	char **envp = strings(&at, get32(payload + 4));
	int out[2], err[2];
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		die("make pipes");
	int fds[3] = {file_with(payload + length - input, input), out[1], err[1]};
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		for (char **e = envp; *e != NULL; e++)
			if (strncmp(*e, "PATH=", 5) == 0)
				putenv(*e);
		become(argv, envp, directory, fds);
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	*command = (struct command){1, number, pid, {out[0], err[0]}};
	for (int i = 0; i < 2; i++)
		fcntl(command->output[i], F_SETFL, O_NONBLOCK);
	free(argv);
	free(envp);
}

static void kill_command(uint32_t number, int signal)
{
	for (int i = 0; i < COMMANDS; i++)
		if (commands[i].used && commands[i].number == number && commands[i].pid > 0)
			kill(-commands[i].pid, signal);
}

static void retire(struct command *command)
{
	if (command->pid == 0 && command->output[0] < 0 && command->output[1] < 0)
		command->used = 0;
}

/* Forwards what is there now; never waits, for a container may hold the pipe open long after its maker has ended. */
static void forward(struct command *command, int which)
{
	static char chunk[CHUNK];
	while (command->output[which] >= 0) {
		ssize_t n = read(command->output[which], chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(command->output[which]);
			command->output[which] = -1;
			return;
		}
		send_frame(which == 0 ? STDOUT : STDERR, command->number, chunk, (uint32_t)n);
	}
}

static void ended(struct command *command, int status)
{
	unsigned char payload[8];
	forward(command, 0);
	forward(command, 1);
	put32(payload, WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 0);
	put32(payload + 4, WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0);
	send_frame(EXIT, command->number, payload, sizeof payload);
	command->pid = 0;
	retire(command);
}

static void reap(int signals)
{
	struct signalfd_siginfo ignored;
	while (read(signals, &ignored, sizeof ignored) > 0)
		;
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < COMMANDS; i++)
			if (commands[i].used && commands[i].pid == pid)
				ended(&commands[i], status);
}

static void receive(void)
{
	unsigned char header[HEADER];
	read_all(header, sizeof header);
	uint32_t number = get32(header + 1), length = get32(header + 5);
	unsigned char *payload = length > LONGEST ? NULL : malloc(length + 1);
	if (payload == NULL)
		die("allocate a frame");
	read_all(payload, length);
	if (header[0] == RUN)
		run(number, payload, length);
	else if (header[0] == KILL)
		kill_command(number, (int)get32(payload));
	else if (header[0] == PING)
		send_frame(PONG, number, NULL, 0);
	free(payload);
}

static void serve(int signals)
{
	struct pollfd polled[2 + 2 * COMMANDS];
	struct command *owner[2 + 2 * COMMANDS];
	for (;;) {
		nfds_t count = 2;
		polled[0] = (struct pollfd){port, POLLIN, 0};
		polled[1] = (struct pollfd){signals, POLLIN, 0};
		for (int i = 0; i < 2 * COMMANDS; i++) {
			struct command *command = &commands[i / 2];
			if (!command->used || command->output[i % 2] < 0)
				continue;
			owner[count] = command;
			polled[count++] = (struct pollfd){command->output[i % 2], POLLIN, 0};
		}
		if (poll(polled, count, -1) < 0 && errno != EINTR)
			die("poll");
		for (nfds_t i = 2; i < count; i++)
			if (polled[i].revents != 0) {
				forward(owner[i], polled[i].fd == owner[i]->output[0] ? 0 : 1);
				retire(owner[i]);
			}
		if (polled[1].revents != 0)
			reap(signals);
		if (polled[0].revents != 0)
			receive();
	}
}

/* The machine has one port; its device is numbered after the virtio bus, and comes some time after the driver. */
static int open_port(void)
{
	for (int tries = 0; tries < 5000; tries++) {
		glob_t found;
		if (glob("/dev/vport*", 0, NULL, &found) == 0)
			return open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
		globfree(&found);
		usleep(2000);
	}
	return -1;
}

int main(void)
{
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signal(SIGPIPE, SIG_IGN);
	int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		die("watch for the end of commands");
	port = open_port();
	if (port < 0)
		die("open the port to the host");
	send_frame(READY, 0, NULL, 0);
	serve(signals);
}
