// receiver CERTIFICATE KEY [USER]
//
// An HTTPS server for clients that sniproxy hands over. The listening socket is descriptor 3, as systemd passes it. USER, the
// proxy's, may hand over beside root.
//
//	go build receiver.go
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// handoffs is a net.Listener that accepts handed-over clients.
type handoffs struct {
	*net.UnixListener
	clients chan net.Conn
}

func (h handoffs) Accept() (net.Conn, error) { return <-h.clients, nil }

// receiveAll takes clients from peers, each in a goroutine, so that a peer who says nothing holds up nobody.
func (h handoffs) receiveAll(users map[string]bool) {
	for {
		peer, err := h.AcceptUnix()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer peer.Close()
			peer.SetDeadline(time.Now().Add(30 * time.Second))
			client, name, err := receive(peer, users)
			if err != nil {
				log.Print("not taken: ", err)
				return
			}
			log.Printf("%v asks for %s", client.RemoteAddr(), name)
			h.clients <- client
		}()
	}
}

// receive gives the client that the peer hands over, and the name that it asks for.
func receive(peer *net.UnixConn, users map[string]bool) (net.Conn, string, error) {
	raw, err := peer.SyscallConn()
	if err != nil {
		return nil, "", err
	}
	var sender *syscall.Ucred
	raw.Control(func(fd uintptr) {
		sender, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil {
		return nil, "", err
	}
	if !users[strconv.Itoa(int(sender.Uid))] {
		return nil, "", fmt.Errorf("user %d may hand over nothing", sender.Uid)
	}
	header := make([]byte, 4096)
	control := make([]byte, syscall.CmsgSpace(4))
	length, size, _, _, err := peer.ReadMsgUnix(header, control)
	if err != nil {
		return nil, "", err
	}
	client, err := onlyConnection(control[:size])
	if err != nil {
		return nil, "", err
	}
	name, err := serverName(header[:length])
	if err != nil {
		client.Close()
	}
	return client, name, err
}

// onlyConnection makes a net.Conn of the only descriptor, and closes the others.
func onlyConnection(control []byte) (net.Conn, error) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	if len(messages) != 1 {
		return nil, errors.New("no descriptor came with the message")
	}
	descriptors, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	if len(descriptors) != 1 {
		for _, descriptor := range descriptors {
			syscall.Close(descriptor)
		}
		return nil, fmt.Errorf("%d descriptors came with the message", len(descriptors))
	}
	file := os.NewFile(uintptr(descriptors[0]), "client")
	// FileConn takes a copy.
	defer file.Close()
	client, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	if _, isTCP := client.(*net.TCPConn); !isTCP {
		client.Close()
		return nil, errors.New("no TCP connection")
	}
	return client, nil
}

// serverName gives the PP2_TYPE_AUTHORITY of a PROXY header of version 2.
func serverName(header []byte) (string, error) {
	if len(header) < 16 || !bytes.HasPrefix(header, []byte("\r\n\r\n\x00\r\nQUIT\n\x21")) {
		return "", errors.New("no PROXY header of version 2")
	}
	addresses, known := map[byte]int{0x11: 12, 0x21: 36}[header[13]]
	rest := header[16:]
	if !known || len(rest) != int(binary.BigEndian.Uint16(header[14:])) || len(rest) < addresses {
		return "", errors.New("the lengths in the PROXY header do not fit")
	}
	rest = rest[addresses:]
	for len(rest) >= 3 {
		kind, length := rest[0], int(binary.BigEndian.Uint16(rest[1:]))
		rest = rest[3:]
		if length > len(rest) {
			break
		}
		if kind == 2 {
			return string(rest[:length]), nil
		}
		rest = rest[length:]
	}
	return "", errors.New("no server name")
}

func main() {
	if len(os.Args) < 3 || len(os.Args) > 4 || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		fmt.Fprintln(os.Stderr, "usage: receiver CERTIFICATE KEY [USER], with a socket from systemd")
		os.Exit(100)
	}
	users := map[string]bool{"0": true}
	if len(os.Args) == 4 {
		proxy, err := user.Lookup(os.Args[3])
		if err != nil {
			log.Fatal(err)
		}
		users[proxy.Uid] = true
	}
	listener, err := net.FileListener(os.NewFile(3, "tls-handoff"))
	if err != nil {
		log.Fatal(err)
	}
	server, isUnix := listener.(*net.UnixListener)
	if !isUnix {
		log.Fatal("descriptor 3 is no Unix socket")
	}
	clients := handoffs{server, make(chan net.Conn)}
	go clients.receiveAll(users)
	http.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		fmt.Fprintf(answer, "hello, %s, by %s\n", request.RemoteAddr, request.Proto)
	})
	log.Fatal(http.ServeTLS(clients, nil, os.Args[1], os.Args[2]))
}
